import { checkedKey, isFileError, KeyError, whyNot } from "./key_reference.ts";
import { randomText } from "./random_text.ts";

const SETTING = "--api-key-file";
const MODE = 0o600;

/** An agent key and whether it was made just now. */
export interface AgentKey {
  readonly key: string;
  readonly isNew: boolean;
}

/** Makes a key that nobody can guess: 48 characters, about 248 bits. */
export function newAgentKey(): AgentKey {
  return { key: `relay_${randomText(48)}`, isNew: true };
}

/**
 * Takes the agent key from a file; where there is none, makes a key and writes it there with mode 0600.
 * @throws {KeyError} when others may read the file, it holds no key, or it cannot be read or written
 */
export async function agentKeyFromFile(path: string): Promise<AgentKey> {
  try {
    return await created(path) ?? { key: await read(path), isNew: false };
  } catch (error) {
    if (error instanceof KeyError || !isFileError(error)) throw error;
    throw new KeyError(`${SETTING}: cannot use ${path}: ${whyNot(error)}`);
  }
}

/** Creating must fail when there is a file, so that two relays never end up with two keys and one file. */
async function created(path: string): Promise<AgentKey | undefined> {
  const made = newAgentKey();
  try {
    await Deno.writeTextFile(path, `${made.key}\n`, { createNew: true, mode: MODE });
    return made;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return undefined;
    throw error;
  }
}

async function read(path: string): Promise<string> {
  const { mode, isFile } = await Deno.stat(path);
  if (!isFile) throw new KeyError(`${SETTING}: ${path} is not a file`);
  if (mode !== null && (mode & 0o077) !== 0 && Deno.build.os !== "windows") {
    const shown = (mode & 0o777).toString(8).padStart(4, "0");
    throw new KeyError(`${SETTING}: ${path} may be read by others (mode ${shown}); run: chmod 600 ${path}`);
  }
  const key = (await Deno.readTextFile(path)).trim();
  if (key === "") throw new KeyError(`${SETTING}: ${path} is empty; remove it to have a new key made`);
  return checkedKey("agent", key, SETTING, path);
}
