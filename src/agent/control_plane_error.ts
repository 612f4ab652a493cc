/** How a call to the control plane can fail, beside the network. */
import { describeServiceError, mitigationFor, type ServiceErrorDetail } from "./service_error.ts";

/** The control plane answered with a status that is no success. */
export class ControlPlaneStatusError extends Error {
  override readonly name = "ControlPlaneStatusError";
  constructor(
    readonly call: string,
    readonly status: number,
    readonly detail: ServiceErrorDetail,
    /** ms the service asked to wait, if it did. */
    readonly retryAfterMs: number | undefined,
    /** The service's `X-Request-Id`. */
    readonly serviceRequestId: string | undefined,
  ) {
    const said = describeServiceError(detail);
    super(`control plane answered ${call} with status ${status}${said === "" ? "" : `: ${said}`}`);
  }

  /** What an operator can do about it. */
  get mitigation(): string | undefined {
    return mitigationFor(this.detail.code);
  }
}

/** A call took longer than its time limit. */
export class ControlPlaneTimeoutError extends Error {
  override readonly name = "ControlPlaneTimeoutError";
  constructor(readonly call: string, readonly limitMs: number) {
    super(`control plane did not finish ${call} within ${limitMs} ms`);
  }
}

/** The control plane answered the metadata call with something else than metadata. */
export class MetadataError extends Error {
  override readonly name = "MetadataError";
}
