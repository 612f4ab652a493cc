/** Last part of a program's path, to show to an operator. `node:path` would cost 5 ms of every start. */
export function programName(path: string): string {
  return path.slice(Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1);
}
