import { findMember, HEADER } from "../agent/wire.ts";
import type { ReplyHeaders } from "./http1/http_reply.ts";
import { type Session, SessionTable } from "./session_table.ts";

/** What the relay has to do with the answer to a message that begins or ends a session. */
export interface SessionStep {
  /**
   * Told of the head of the answer, once.
   * @param json the answer; undefined when it is still to come, in a stream
   * @returns header fields to add
   */
  answered(status: number, headers: ReplyHeaders, json: string | undefined): ReplyHeaders;
}

const NONE: ReplyHeaders = [];
const SESSION_ID = HEADER.mcpSessionId.toLowerCase();
/** Revisions are dates; from this one on there are no sessions. */
const FIRST_STATELESS = "2026-07-28";
const REVISION = /^\d{4}-\d\d-\d\d$/;

/** Whether a revision is one without sessions, in which to hang up is to cancel. */
export function isStateless(protocolVersion: string): boolean {
  return REVISION.test(protocolVersion) && protocolVersion >= FIRST_STATELESS;
}

/**
 * Learns the session that an `initialize` begins; where the target has none, the relay issues one, so that streams of
 * its answers can be resumed (MCP 2025-11-25, session management).
 * @param requested revision that the connector has asked for
 */
export function beginsSession(sessions: SessionTable, channel: string, requested: unknown): SessionStep {
  return {
    answered(status, headers, json) {
      if (status < 200 || status > 299) return NONE;
      const agreed = json === undefined ? requested : agreedVersion(json);
      if (agreed === undefined) return NONE;
      const protocolVersion = typeof agreed === "string" && REVISION.test(agreed) ? agreed : "";
      const given = headers.find(([name]) => name.toLowerCase() === SESSION_ID)?.[1];
      if (given !== undefined) {
        sessions.begin({ id: given, channel, issuer: "target", protocolVersion });
        return NONE;
      }
      if (protocolVersion === "" || protocolVersion >= FIRST_STATELESS) return NONE;
      const session: Session = { id: SessionTable.newId(), channel, issuer: "relay", protocolVersion };
      sessions.begin(session);
      return [[SESSION_ID, session.id]];
    },
  };
}

/** Forgets a session that the target has ended, or does not know. */
export function endsSession(sessions: SessionTable, channel: string, id: string): SessionStep {
  return {
    answered(status) {
      if ((status >= 200 && status <= 299) || status === 404) sessions.end(channel, id);
      return NONE;
    },
  };
}

/** The revision of a result; null when the result does not say, undefined when there is no result. */
function agreedVersion(json: string): unknown {
  const span = findMember(json, "result");
  if (span === undefined) return undefined;
  const result: unknown = JSON.parse(json.slice(span.start, span.end));
  if (typeof result !== "object" || result === null) return undefined;
  return (result as { protocolVersion?: unknown }).protocolVersion ?? null;
}
