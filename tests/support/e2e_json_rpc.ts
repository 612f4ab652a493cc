/** Plain JSON-RPC over HTTP, for tests that look at bytes or at statuses. */

export interface PostOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** What came back for one POST. */
export interface Posted {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** Sends text as it is, and takes a plain answer. */
export async function postText(url: string, body: string, options: PostOptions = {}): Promise<Posted> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", ...options.headers },
    body,
    // A status of the target is an answer, whatever it is.
    redirect: "manual",
    ...(options.signal ? { signal: options.signal } : {}),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** One JSON-RPC answer, parsed. */
export interface Answer {
  readonly status: number;
  readonly id: unknown;
  // What a server answers is up to the test that reads it.
  // deno-lint-ignore no-explicit-any
  readonly result: any;
  readonly error:
    | { readonly code: number; readonly message: string; readonly data?: Record<string, unknown> }
    | undefined;
}

/** One JSON-RPC call. */
export async function call(
  url: string,
  id: number | string,
  method: string,
  params: unknown = {},
  options: PostOptions = {},
): Promise<Answer> {
  const posted = await postText(url, JSON.stringify({ jsonrpc: "2.0", id, method, params }), options);
  let body: { id?: unknown; result?: unknown; error?: Answer["error"] };
  try {
    body = JSON.parse(posted.text);
  } catch (cause) {
    throw new Error(`status ${posted.status}, and no JSON: ${posted.text.slice(0, 500)}`, { cause });
  }
  return { status: posted.status, id: body.id, result: body.result, error: body.error };
}

/** A connector's handshake, as text; without it a server on pipes is not called. */
export async function handshake(url: string): Promise<Answer> {
  const answer = await call(url, "h", "initialize", {
    protocolVersion: "2025-06-18",
    capabilities: {},
    clientInfo: { name: "e2e", version: "1" },
  });
  await postText(url, '{"jsonrpc":"2.0","method":"notifications/initialized"}');
  return answer;
}
