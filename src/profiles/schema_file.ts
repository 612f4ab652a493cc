import { profileJsonSchema, whyRefused } from "../config/mod.ts";

import { putFile, readIfThere } from "./put_file.ts";

/**
 * Name of the schema beside the profiles. Editors resolve a relative path from the profile, so that the line works without
 * a network and wherever the folder is moved.
 */
const SCHEMA_FILE = ".tunnel-client.schema.json";

/** First line of a generated profile; the language server for YAML takes the schema from it. */
export const SCHEMA_LINE = `# yaml-language-server: $schema=./${SCHEMA_FILE}`;

/** JSON Schema of a profile as text. */
export function schemaText(): string {
  return `${JSON.stringify(profileJsonSchema(), null, 2)}\n`;
}

/**
 * Puts the schema of this version beside the profiles of a directory, unless it is there already. Profiles work without it.
 * @returns why it could not be done; undefined when it was
 */
export async function writeSchemaFile(profileDir: string): Promise<string | undefined> {
  const path = `${profileDir}/${SCHEMA_FILE}`;
  const text = schemaText();
  try {
    if (await readIfThere(path) !== text) await putFile(path, text, "replace");
    return undefined;
  } catch (error) {
    const why = error instanceof TypeError ? "what is there is not text" : whyRefused(error);
    return `cannot write ${JSON.stringify(path)}, so that editors cannot check profiles: ${why}`;
  }
}
