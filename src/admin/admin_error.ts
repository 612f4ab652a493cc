/** What is known of a refusal, as the failure document tells it; absent members do not apply. */
export interface AdminErrorDetails {
  readonly method?: string;
  /** Path on the control plane, prefix included. */
  readonly path?: string;
  readonly statusCode?: number;
  /** The control plane's `X-Request-Id`. */
  readonly requestId?: string;
  readonly code?: string;
  readonly type?: string;
  readonly mitigation?: string;
}

/** What was to be done could not be done; the message is for people and holds no secret. */
export class AdminError extends Error {
  override readonly name = "AdminError";
  readonly details: AdminErrorDetails;

  constructor(message: string, details?: AdminErrorDetails, options?: ErrorOptions) {
    super(message, options);
    this.details = details ?? {};
  }
}

/** A failure as `--json` prints it. */
export interface AdminFailureDocument {
  readonly error: {
    readonly message: string;
    readonly method?: string;
    readonly path?: string;
    readonly status_code?: number;
    readonly request_id?: string;
    readonly code?: string;
    readonly type?: string;
    readonly mitigation?: string;
  };
}

/** The document for a failure. */
export function failureDocument({ message, details }: AdminError): AdminFailureDocument {
  const { method, path, statusCode, requestId, code, type, mitigation } = details;
  return {
    error: {
      message,
      ...(method === undefined ? {} : { method }),
      ...(path === undefined ? {} : { path }),
      ...(statusCode === undefined ? {} : { status_code: statusCode }),
      ...(requestId === undefined ? {} : { request_id: requestId }),
      ...(code === undefined ? {} : { code }),
      ...(type === undefined ? {} : { type }),
      ...(mitigation === undefined ? {} : { mitigation }),
    },
  };
}
