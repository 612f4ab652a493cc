import {
  FEATURE_ASIDES,
  FEATURE_CANCEL,
  FEATURE_CONNECTOR_HEADERS,
  FEATURE_MORE_TIME,
  FEATURE_POLL_RELEASE,
  FEATURE_SERVER_REQUESTS,
  FEATURE_STREAM_CUT,
  featureNames,
  HEADER,
} from "../agent/wire.ts";
import type { HeaderFields } from "./http1/header_fields.ts";
import type { RelaySettings } from "./options.ts";

/** Each name has its chapter in docs/relay-protocol.md. */
const ALL = [
  FEATURE_POLL_RELEASE,
  FEATURE_SERVER_REQUESTS,
  FEATURE_STREAM_CUT,
  FEATURE_CANCEL,
  FEATURE_MORE_TIME,
  FEATURE_ASIDES,
  FEATURE_CONNECTOR_HEADERS,
];
const HEADER_NAME = HEADER.relayFeatures.toLowerCase();

/** What a relay can do beyond the published wire. */
export function offeredFeatures(
  { serverRequests, withoutFeatures }: Pick<RelaySettings, "serverRequests" | "withoutFeatures">,
): ReadonlySet<string> {
  const left = ALL.filter((name) => !withoutFeatures.includes(name));
  return new Set(serverRequests ? left : left.filter((name) => name !== FEATURE_SERVER_REQUESTS));
}

/** Whether the agent that sends this request has confirmed a feature. */
export function follows(headers: HeaderFields, feature: string): boolean {
  const confirmed = headers.get(HEADER_NAME);
  return confirmed !== undefined && featureNames(confirmed).includes(feature);
}
