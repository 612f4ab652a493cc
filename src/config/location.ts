/** A place in a text file. Line and column count from 1, columns in UTF-16 units. */
export interface Location {
  readonly path: string;
  readonly line: number;
  readonly column: number;
}

/** `profile.yaml:3:12`, the form that editors and terminals jump to. */
export function formatLocation({ path, line, column }: Location): string {
  return `${path}:${line}:${column}`;
}
