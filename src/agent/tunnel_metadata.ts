/** What the control plane knows of a tunnel (P-140). */
import { MetadataError } from "./control_plane_error.ts";

export interface TunnelMetadata {
  readonly id: string;
  readonly name: string;
  readonly description: string;
}

/**
 * Reads the reply of the metadata call.
 * @throws {MetadataError} when it is something else
 */
export function readMetadata(text: string): TunnelMetadata {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new MetadataError("tunnel metadata is not JSON");
  }
  if (!isMetadata(parsed)) throw new MetadataError("tunnel metadata lacks id, name or description");
  return { id: parsed.id, name: parsed.name, description: parsed.description };
}

function isMetadata(value: unknown): value is TunnelMetadata {
  return typeof value === "object" && value !== null &&
    ["id", "name", "description"].every((key) => typeof Reflect.get(value, key) === "string");
}
