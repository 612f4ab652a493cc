/**
 * Makes one request per URL with each of the two clients and tells how they ended. Runs as a program of its own
 * (URLs as arguments, result as JSON on stdout) or as a Worker (one message with URLs, one answer).
 */
import { createRouteClient, createTargetClient, DIRECT_ROUTE, NetError } from "../../src/net/mod.ts";

export interface RequestEnd {
  readonly client: "route" | "target";
  readonly url: string;
  /** Status and body, or kind, detail and whether anything was written. */
  readonly end: string;
}

export async function requestAll(urls: readonly string[]): Promise<RequestEnd[]> {
  const ends: RequestEnd[] = [];
  for (
    const [name, client] of [["route", createRouteClient(DIRECT_ROUTE)], [
      "target",
      createTargetClient(),
    ]] as const
  ) {
    for (const url of urls) ends.push({ client: name, url, end: await endOf(client, url) });
    client.close();
  }
  return ends;
}

async function endOf(client: ReturnType<typeof createTargetClient>, url: string): Promise<string> {
  try {
    const { status, body } = await client.request({ method: "POST", url, headers: [], body: "{}" });
    return `${status} ${await body.text()}`;
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return `${error.kind}: ${error.detail}${error.requestWritten ? "" : ", nothing written"}`;
  }
}

/** What a Worker finds in its global scope; the project's types are those of the main thread. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<string[]>) => void) | null;
  postMessage(message: RequestEnd[]): void;
  close(): void;
}

if (import.meta.main && Deno.args.length > 0) {
  console.log(JSON.stringify(await requestAll(Deno.args)));
} else if (import.meta.main) {
  const worker = self as unknown as WorkerScope;
  worker.onmessage = async ({ data }) => {
    worker.postMessage(await requestAll(data));
    worker.close();
  };
}
