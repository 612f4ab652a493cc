/**
 * Waits.
 * @returns false when the signal was aborted before the time was over
 */
export function waited(waitMs: number, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve(false);
    const onAbort = () => {
      clearTimeout(timer);
      resolve(false);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve(true);
    }, waitMs);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
