/** A Worker that asks over routes: one message with route and URL for each, one answer with how each ended. */
import { createRouteClient, NetError, type Route } from "../../src/net/mod.ts";

export interface RouteRequest {
  readonly route: Route;
  readonly url: string;
}

interface WorkerScope {
  onmessage: ((event: MessageEvent<RouteRequest[]>) => void) | null;
  postMessage(message: string[]): void;
  close(): void;
}

async function endOf({ route, url }: RouteRequest): Promise<string> {
  const client = createRouteClient(route);
  try {
    const { status, body } = await client.request({ method: "POST", url, headers: [], body: "{}" });
    return `${status} ${await body.text()}`;
  } catch (error) {
    if (!(error instanceof NetError)) throw error;
    return `${error.reason}: ${error.detail}`;
  } finally {
    client.close();
  }
}

const worker = self as unknown as WorkerScope;
worker.onmessage = async ({ data }) => {
  const ends: string[] = [];
  for (const request of data) ends.push(await endOf(request));
  worker.postMessage(ends);
  worker.close();
};
