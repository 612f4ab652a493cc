/** The modules that the program loads by a path which Deno does not follow by itself: commands and workers. */

/** A place that loads such a module, or makes the URL that a loader fills in. */
const LOADER = /import\.meta\.url/;
const HIDDEN = /"(\.{1,2}\/[\w./-]+\.ts)"/g;
const STATIC_IMPORT = /^\s*(?:import|export)\b[^'";]*?from\s*"[^"]+"|^\s*import\s+"[^"]+"/gm;
const TYPE_QUERY = /typeof import\("[^"]+"\)/g;

/**
 * Finds them by reading the sources, so that a new command or worker needs no second list.
 * @param root URL of the checkout, with a slash at its end
 * @returns paths from the root, sorted
 * @throws {Error} when a path leads nowhere
 */
export async function hiddenModules(root: URL): Promise<string[]> {
  const found = new Set<string>();
  for await (const path of sourceFiles(root, "src")) {
    const text = await Deno.readTextFile(new URL(path, root));
    if (!LOADER.test(text)) continue;
    const rest = text.replace(STATIC_IMPORT, "").replace(TYPE_QUERY, "");
    for (const [, target = ""] of rest.matchAll(HIDDEN)) {
      const url = new URL(target, new URL(path, root));
      await Deno.stat(url);
      found.add(url.href.slice(root.href.length));
    }
  }
  return [...found].sort();
}

async function* sourceFiles(root: URL, folder: string): AsyncGenerator<string> {
  for await (const entry of Deno.readDir(new URL(folder, root))) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) yield* sourceFiles(root, path);
    else if (/\.tsx?$/.test(entry.name)) yield path;
  }
}
