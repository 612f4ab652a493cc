/** MCP servers that others have written, as child processes. */
import { Program } from "./e2e_program.ts";

const EVERYTHING = "npm:@modelcontextprotocol/server-everything@2026.8.31";
const MODERN = new URL("./e2e_modern_server.ts", import.meta.url).pathname;
/** Npm packages may have to be downloaded first. */
const START_LIMIT_MS = 120_000;

/** Command line of the reference server over stdio, word by word. */
export const EVERYTHING_STDIO = [Deno.execPath(), "run", "-A", "--frozen", "--quiet", EVERYTHING, "stdio"];

/** Command line of the server of the 2026-07-28 form over stdio, word by word. */
export const MODERN_STDIO = [Deno.execPath(), "run", "-A", "--frozen", "--no-check", MODERN, "stdio"];

/** A running server with a URL. */
export interface HttpServerProgram extends AsyncDisposable {
  readonly url: string;
}

/** The reference server over Streamable HTTP; it cannot be told to choose its port, so one that is free is tried. */
export async function startEverything(
  env: Readonly<Record<string, string>> = {},
): Promise<HttpServerProgram> {
  for (let attempt = 1;; attempt++) {
    const port = freePort();
    const program = new Program(
      [Deno.execPath(), "run", "-A", "--frozen", "--quiet", EVERYTHING, "streamableHttp"],
      { env: { ...env, PORT: `${port}` } },
    );
    try {
      await program.until(
        "everything server",
        () => /listening on port/.test(program.stderr),
        START_LIMIT_MS,
      );
      return {
        url: `http://127.0.0.1:${port}/mcp`,
        [Symbol.asyncDispose]: () => program[Symbol.asyncDispose](),
      };
    } catch (error) {
      const taken = /already in use/.test(program.stderr);
      await program[Symbol.asyncDispose]();
      if (!taken || attempt === 5) throw error;
    }
  }
}

/** The server of the 2026-07-28 form over HTTP. */
export async function startModern(): Promise<HttpServerProgram> {
  const program = new Program([Deno.execPath(), "run", "-A", "--frozen", "--no-check", MODERN, "http"]);
  try {
    const [url] = await program.until(
      "modern server",
      () => /http:\S+/.exec(program.stdout),
      START_LIMIT_MS,
    );
    return { url, [Symbol.asyncDispose]: () => program[Symbol.asyncDispose]() };
  } catch (error) {
    await program[Symbol.asyncDispose]();
    throw error;
  }
}

/** A port that nobody listened on a moment ago. */
export function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}
