/**
 * Says what is wrong with a connector's message, so that the connector learns it at once instead of waiting for an
 * agent that drops it (P-170). Requests, notifications and responses are accepted; the rules are those by which
 * agents judge a polled command (spec 01 §8).
 * @param message parsed body
 * @returns undefined when it is a JSON-RPC 2.0 message
 */
export function shapeFault(message: unknown): string | undefined {
  if (Array.isArray(message)) return "JSON-RPC batches are not supported; send one message per request.";
  if (typeof message !== "object" || message === null) return "The body must be a JSON object.";
  const { jsonrpc, id, method } = message as { jsonrpc?: unknown; id?: unknown; method?: unknown };
  if (jsonrpc !== "2.0") return 'Member jsonrpc must be exactly "2.0".';
  const hasId = id !== undefined && id !== null;
  if (hasId && typeof id !== "string" && typeof id !== "number") {
    return "Member id must be a string or a number.";
  }
  if (method !== undefined) {
    return typeof method === "string" && method !== ""
      ? undefined
      : "Member method must be a text that is not empty.";
  }
  if (!hasId) return "A message needs a method, or an id with a result or an error.";
  const answers = Number("result" in message) + Number("error" in message);
  return answers === 1 ? undefined : "A response needs either a result or an error.";
}
