/** PEM files: finding the blocks, and saying what a file is that has none of those that are wanted (RFC 7468). */

/** One block, as it stands in the file. */
export interface PemBlock {
  /** E.g. `CERTIFICATE`, `EC PRIVATE KEY`. */
  readonly label: string;
  readonly text: string;
}

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^]*?-----END \1-----/g;
/** DER of certificates and keys begins with a sequence. */
const DER_SEQUENCE = 0x30;

/** A file of certificates or keys cannot be used. The message names the file and never shows anything of it. */
export class TlsMaterialError extends Error {
  override readonly name = "TlsMaterialError";
}

/** Reads a whole file. */
export type ReadFile = (path: string) => Promise<Uint8Array>;

/**
 * Reads a file's blocks.
 * @param use what the file is for, beginning the message
 * @throws {TlsMaterialError} when it cannot be read, or is DER
 */
export async function readPem(path: string, use: string, readFile: ReadFile): Promise<PemBlock[]> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    throw new TlsMaterialError(`${use}: ${whyUnreadable(error)} ${path}`, { cause: error });
  }
  const text = new TextDecoder().decode(bytes);
  const blocks = [...text.matchAll(BLOCK)].map(([block, label = ""]) => ({ label, text: `${block}\n` }));
  if (blocks.length === 0 && bytes[0] === DER_SEQUENCE) {
    throw new TlsMaterialError(
      `${use}: ${path} is DER, PEM is wanted; convert it with \`openssl … -inform DER -outform PEM\``,
    );
  }
  return blocks;
}

function whyUnreadable(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no file";
  if (error instanceof Deno.errors.PermissionDenied || error instanceof Deno.errors.NotCapable) {
    return "no right to read";
  }
  if (error instanceof Deno.errors.IsADirectory || /is a directory|EISDIR/i.test(String(error))) {
    return "a folder is no certificate file:";
  }
  if (error instanceof Error) return "cannot read";
  throw error;
}
