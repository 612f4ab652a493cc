import type { HeaderPairs, HttpResponse } from "../../net/mod.ts";
import type { Log } from "../../ops/mod.ts";
import type { HeaderMap } from "../channel.ts";
import type { Clock } from "./clock.ts";
import type { Background } from "./background.ts";
import type { HeaderScope, HttpTarget } from "./target.ts";

/** What one exchange needs around it. */
export interface ExchangeContext {
  readonly target: HttpTarget;
  readonly scope: HeaderScope;
  /** Connector fields that never go to this target, by lower-case name. */
  readonly drops?: (lowerName: string) => boolean;
  readonly background: Background;
  readonly clock: Clock;
  readonly log: Log;
}

/** One more request of a running call: same session, protocol version and authorization as the call itself. */
export interface SideRequest {
  readonly method: "GET" | "POST";
  readonly body?: string;
  /** Base headers; static and forwarded ones go over them. */
  readonly base: HeaderPairs;
  readonly forwarded: HeaderMap;
  readonly drops: (lowerName: string) => boolean;
  readonly signal: AbortSignal;
}

/** Sends requests beside the one that a call is. */
export interface SideSender {
  /** @throws {NetError} when no response head arrived, or the signal's `reason` */
  sendBeside(request: SideRequest): Promise<HttpResponse>;
}
