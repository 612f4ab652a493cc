/** What a worker thread sees as its global scope; the checker only knows the one of a main thread. */
interface WorkerScope {
  onmessage: ((event: MessageEvent) => void) | null;
  postMessage(message: unknown): void;
}

export const workerScope = globalThis as unknown as WorkerScope;
