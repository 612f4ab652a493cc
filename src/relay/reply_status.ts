/** Registered final status codes; `Response` itself takes 200–599 only. */
const KNOWN = new Set([
  ...[200, 201, 202, 203, 204, 205, 206, 207, 208, 226],
  ...[300, 301, 302, 303, 304, 305, 307, 308],
  ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418],
  ...[421, 422, 423, 424, 425, 426, 428, 429, 431, 451],
  ...[500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511],
]);

/** The status a connector sees for the `resp_code` of an answer; 0 stands for none (P-175). */
export function connectorStatus(code: number): number {
  if (code === 0) return 200;
  if (KNOWN.has(code)) return code;
  return code >= 200 && code <= 299 ? 200 : 502;
}

/** True for statuses whose replies have no body (RFC 9110 §15, Fetch's null body status). */
export function forbidsBody(status: number): boolean {
  return status === 204 || status === 205 || status === 304;
}
