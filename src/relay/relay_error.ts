/** Every error that the relay itself can answer, with its status and its category (P-137, P-179). */
const CATALOGUE = {
  malformed_request: [400, "invalid_request_error"],
  invalid_tunnel_id_format: [400, "invalid_request_error"],
  invalid_channel_format: [400, "invalid_request_error"],
  invalid_json_payload: [400, "invalid_request_error"],
  invalid_parameter: [400, "invalid_request_error"],
  invalid_response_payload: [400, "invalid_request_error"],
  tunnel_principal_limit_exceeded: [400, "invalid_request_error"],
  missing_mcp_session_id: [400, "invalid_request_error"],
  unknown_event_id: [400, "invalid_request_error"],
  missing_shard_token: [400, "invalid_request_error"],
  shard_token_mismatch: [400, "invalid_request_error"],
  missing_client_instance_id: [400, "invalid_request_error"],
  invalid_api_key: [401, "authentication_error"],
  invalid_connector_key: [401, "authentication_error"],
  tunnel_request_mismatch: [401, "invalid_request_error"],
  tunnel_use_forbidden: [401, "permission_error"],
  forbidden_host: [403, "permission_error"],
  forbidden_origin: [403, "permission_error"],
  tunnel_management_permission_required: [403, "permission_error"],
  not_found: [404, "invalid_request_error"],
  tunnel_not_found: [404, "invalid_request_error"],
  pending_request_not_found: [404, "invalid_request_error"],
  mcp_session_not_found: [404, "invalid_request_error"],
  method_not_allowed: [405, "invalid_request_error"],
  not_acceptable: [406, "invalid_request_error"],
  connector_cannot_answer: [409, "invalid_request_error"],
  tunnel_limit_exceeded: [409, "invalid_request_error"],
  request_body_too_large: [413, "invalid_request_error"],
  rate_limit_exceeded: [429, "rate_limit_error"],
  internal_error: [500, "server_error"],
  tunnel_store_failed: [500, "server_error"],
  invalid_upstream_response: [502, "server_error"],
  tunnel_client_not_seen: [503, "server_error"],
  tunnel_client_not_connected: [503, "server_error"],
  tunnel_queue_full: [503, "server_error"],
  relay_stopping: [503, "server_error"],
  tunnel_response_timeout: [504, "server_error"],
} as const satisfies Record<string, readonly [status: number, type: string]>;

/** Stable name of an error. */
export type RelayErrorCode = keyof typeof CATALOGUE;

export interface RelayErrorExtra {
  /** Parameter or header that was wrong. */
  readonly param?: string;
  /** Another status than the usual one of this code. */
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request ends here, with this error as its reply. */
export class RelayError extends Error {
  override readonly name = "RelayError";
  constructor(readonly code: RelayErrorCode, message: string, readonly extra: RelayErrorExtra = {}) {
    super(message);
  }

  get status(): number {
    return this.extra.status ?? CATALOGUE[this.code][0];
  }

  /** The published envelope (P-137). */
  get body(): string {
    const { code, message, extra } = this;
    return JSON.stringify({ error: { message, type: CATALOGUE[code][1], param: extra.param ?? null, code } });
  }
}
