import { AdminError } from "./admin_error.ts";

/**
 * Reads the values of `--organization-id` or `--workspace-id`: each may hold several ids, separated by commas as in CSV
 * (C-5). Ids are trimmed, blanks dropped.
 * @param name of the flag, without dashes
 * @throws {AdminError} when an id is given twice
 */
export function parseScopeIds(name: string, values: readonly string[]): string[] {
  const ids = values.flatMap(fieldsOf).map((id) => id.trim()).filter((id) => id !== "");
  const twice = new Set(ids.filter((id, at) => ids.indexOf(id) !== at));
  if (twice.size > 0) throw new AdminError(`duplicate ${name}: ${[...twice].join(", ")}`);
  return ids;
}

/** RFC 4180 §2: a field in quotes may hold commas, and quotes doubled. */
function fieldsOf(text: string): string[] {
  const fields = `,${text}`.matchAll(/,(?:"((?:[^"]|"")*)"(?=,|$)|([^,]*))/g);
  return Array.from(fields, ([, quoted, plain = ""]) => quoted?.replaceAll('""', '"') ?? plain);
}
