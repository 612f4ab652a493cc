import type { JsonRpcId } from "../channel.ts";
import { findMember, type Span } from "../../json/mod.ts";

/** Opens a subscription: a request whose answer comes when the subscription ends. */
export const LISTEN_METHOD = "subscriptions/listen";

/** A server stamps its notifications for a `subscriptions/listen` call, and that call's result, with the call's id. */
export const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";

/** One value of a text and what is to stand in its place. */
export interface Edit {
  readonly span: Span;
  readonly replacement: string;
}

/** Place of a nested member, e.g. `["params", "_meta", "progressToken"]`. */
export function findPath(text: string, path: readonly string[]): Span | undefined {
  let span: Span | undefined;
  for (const name of path) {
    span = findMember(text, name, span?.start ?? 0);
    if (span === undefined) return undefined;
  }
  return span;
}

/** The text with all edits made and every other character as it was. */
export function applyEdits(text: string, edits: readonly Edit[]): string {
  let edited = "";
  let at = 0;
  for (const { span, replacement } of edits.toSorted((a, b) => a.span.start - b.span.start)) {
    edited += text.slice(at, span.start) + replacement;
    at = span.end;
  }
  return edited + text.slice(at);
}

/** Follows parsed values by member name. */
export function memberAt(value: unknown, path: readonly string[]): unknown {
  let current = value;
  for (const name of path) {
    if (typeof current !== "object" || current === null || !Object.hasOwn(current, name)) return undefined;
    current = (current as Record<string, unknown>)[name];
  }
  return current;
}

/** The value as an id or token, if it can be one. */
export function asId(value: unknown): JsonRpcId | undefined {
  return typeof value === "string" || typeof value === "number" ? value : undefined;
}

/** True for ids that survive parsing and serialising in every program; long and broken numbers do not. */
export function isPlainId(id: JsonRpcId): boolean {
  return typeof id === "string" || Number.isSafeInteger(id);
}
