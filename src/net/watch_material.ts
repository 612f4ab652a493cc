/** Certificates and keys that are read again when their files change. */
import { waited } from "./waited.ts";

/** How often files are looked at; certificates change a few times a year, so a look costs more than it finds. */
const LOOK_EVERY_MS = 10_000;

/** What happens with what is read. */
export interface MaterialWatch<T> {
  /** Reads and checks everything, as at start. */
  readonly load: () => Promise<T>;
  /** The files hold something else now, and it is in order. */
  readonly changed: (material: T) => void;
  /** The files cannot be used as they are; what was in use stays so. Told once per message. */
  readonly failed: (error: Error) => void;
  /** @default 10000 */
  readonly everyMs?: number;
}

/**
 * Looks at the files again and again by reading them, which also sees what a watch on the file system does not: links
 * that are exchanged (Kubernetes), network file systems. A half-written pair fails its check and is read again.
 * @param current what is in use
 * @param signal ends it
 * @returns a promise that settles when it has ended
 */
export async function watchMaterial<T>(
  { load, changed, failed, everyMs = LOOK_EVERY_MS }: MaterialWatch<T>,
  current: T,
  signal: AbortSignal,
): Promise<void> {
  let inUse = JSON.stringify(current);
  let lastError = "";
  while (await waited(everyMs, signal)) {
    try {
      const material = await load();
      if (signal.aborted) return;
      lastError = "";
      const text = JSON.stringify(material);
      if (text === inUse) continue;
      inUse = text;
      changed(material);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      if (error.message !== lastError && !signal.aborted) failed(error);
      lastError = error.message;
    }
  }
}
