import type { CallTable } from "./call_table.ts";
import type { Frame } from "./frame_reader.ts";
import type { RunningCall } from "./running_call.ts";
import type { ServerRequests } from "./server_requests.ts";
import { restore } from "./translation.ts";
import { asId, type Edit, memberAt, SUBSCRIPTION_ID } from "./wire_text.ts";

const TOKEN_PATH = ["params", "progressToken"] as const;
/** Where any other notification may repeat what MCP gives a server to tell requests apart by. */
const META_TOKEN_PATH = ["params", "_meta", "progressToken"] as const;
const SUBSCRIPTION_PATH = ["params", "_meta", SUBSCRIPTION_ID] as const;
const REQUEST_PATH = ["params", "requestId"] as const;
/** What only subscriptions get since 2026-07-28. */
const CHANGES: ReadonlySet<string> = new Set([
  "notifications/tools/list_changed",
  "notifications/prompts/list_changed",
  "notifications/resources/list_changed",
  "notifications/resources/updated",
  "notifications/subscriptions/acknowledged",
]);

/** Why a notification is handed to nobody. */
export type DropReason =
  | "names a call that does not run"
  | "several calls run and it names none"
  | "no call runs"
  | "a call that was given up may still be speaking";

/**
 * Finds the call that a notification of the child belongs to: the one it names, else the only one there is (SE-7, A-197).
 * @param edits takes what of it has to be put back into the caller's terms
 */
export function addresseeOf(
  { value, text }: Frame,
  method: string,
  table: CallTable,
  serverRequests: ServerRequests,
  edits: Edit[],
): RunningCall | DropReason {
  const tokenPath = method === "notifications/progress" ? TOKEN_PATH : META_TOKEN_PATH;
  const token = asId(memberAt(value, tokenPath));
  if (token !== undefined) {
    const running = table.byToken(token);
    if (running === undefined) return unknownName(table);
    restore(text, tokenPath, running.names.originalToken, edits);
    return running;
  }
  const subscription = asId(memberAt(value, SUBSCRIPTION_PATH));
  if (subscription !== undefined) {
    const running = table.get(subscription);
    if (running === undefined) return unknownName(table);
    restore(text, SUBSCRIPTION_PATH, running.names.originalId, edits);
    return running;
  }
  if (method === "notifications/cancelled") {
    // The child takes back a request of its own: whoever was asked is told.
    const owner = serverRequests.ownerOf(asId(memberAt(value, REQUEST_PATH)));
    if (owner !== undefined) return owner;
  }
  return table.only() ?? (CHANGES.has(method) ? table.onlyListen() : undefined) ?? nobody(table);
}

/** The subscription that the child ends with this notification; undefined when it does nothing of the kind. */
export function endedSubscription(
  { value }: Frame,
  method: string,
  table: CallTable,
  serverRequests: ServerRequests,
): RunningCall | undefined {
  if (method !== "notifications/cancelled") return undefined;
  const id = asId(memberAt(value, REQUEST_PATH));
  return id === undefined || serverRequests.ownerOf(id) !== undefined ? undefined : table.listen(id);
}

/** Where callers' own names are used, a name that nobody has may be a mistake of the child. */
function unknownName(table: CallTable): RunningCall | DropReason {
  const only = table.concurrent ? undefined : table.only();
  return only ?? "names a call that does not run";
}

function nobody(table: CallTable): DropReason {
  if (table.ordinaryCount === 0) return "no call runs";
  return table.ordinaryCount === 1
    ? "a call that was given up may still be speaking"
    : "several calls run and it names none";
}
