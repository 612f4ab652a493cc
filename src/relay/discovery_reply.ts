import type { AgentResponse } from "./agent_response.ts";
import { connectorHeaders } from "./connector_headers.ts";
import { failureError } from "./connector_reply.ts";
import type { HttpReply } from "./http1/http_reply.ts";
import type { CallFailure, CallReply } from "./pending_call.ts";
import type { RelayCore } from "./relay_core.ts";
import { RelayError } from "./relay_error.ts";
import { connectorStatus, forbidsBody } from "./reply_status.ts";

/** The reply to a caller that looks for protected-resource metadata (P-180). */
export class DiscoveryReply implements CallReply {
  readonly response: Promise<HttpReply>;
  readonly #settle: (reply: HttpReply) => void;

  /**
   * @param requestId id of the command
   * @param resource URL under which this relay offers the target
   * @param metadataUrl URL of this very document
   */
  constructor(
    readonly requestId: string,
    readonly resource: string,
    readonly metadataUrl: () => string,
    readonly core: RelayCore,
  ) {
    const { promise, resolve } = Promise.withResolvers<HttpReply>();
    this.response = promise;
    this.#settle = resolve;
  }

  notify(): boolean {
    return false;
  }

  finish(response: AgentResponse): void {
    const document = documentOf(response.json);
    if (document === undefined) {
      const error = new RelayError(
        "invalid_upstream_response",
        "The target's metadata is not a JSON object.",
      );
      return this.#settle(this.core.replies.error(error, this.requestId));
    }
    const status = connectorStatus(response.code);
    // An error document is the target's own word; only metadata names the resource.
    const body = status <= 299
      ? JSON.stringify({ ...document, resource: this.resource })
      : response.json ?? "{}";
    const headers = connectorHeaders(response, this.metadataUrl)
      .filter(([name]) => !/^content-(?:type|encoding)$/i.test(name));
    headers.push(["content-type", "application/json"], ["x-request-id", this.requestId]);
    this.#settle({ status, headers, body: forbidsBody(status) ? null : body });
  }

  fail(failure: CallFailure, delivered: boolean): void {
    this.#settle(this.core.replies.error(failureError(failure, delivered, this.core), this.requestId));
  }

  drop(): void {
    const error = new RelayError("pending_request_not_found", "The caller hung up.");
    this.#settle(this.core.replies.error(error, this.requestId));
  }
}

function documentOf(json: string | undefined): object | undefined {
  if (json === undefined) return {};
  const document: unknown = JSON.parse(json);
  return typeof document === "object" && document !== null && !Array.isArray(document) ? document : undefined;
}
