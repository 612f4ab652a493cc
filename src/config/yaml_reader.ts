/**
 * Loads what reads YAML, only when there is a file: it costs more than the rest of the start. Deno must not see the path,
 * or it would load the module at every start.
 */
export function loadYamlReader(): Promise<typeof import("./yaml_tree.ts")> {
  return import(new URL("./yaml_tree.ts", import.meta.url).href);
}
