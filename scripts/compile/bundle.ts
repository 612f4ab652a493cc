/** Turns the sources into a few JavaScript files that hold everything: `main.js`, one per command and worker, shared chunks. */
import { hiddenModules } from "./hidden_modules.ts";

/** A finished bundle. */
export interface Bundle {
  /** Folder that holds it. */
  readonly folder: string;
  /** Paths inside the folder, sorted; the first to run is `main.js`. */
  readonly files: readonly string[];
  /** Every npm package that has code inside, sorted by name. */
  readonly packages: readonly BundledPackage[];
}

/** An npm package that has code in the bundle. */
export interface BundledPackage {
  readonly name: string;
  readonly version: string;
  /** URL of its folder in the package cache, with a slash at its end. */
  readonly folder: URL;
}

const COMMIT_PLACE = /^var COMMIT = "";$/gm;
/** esbuild says where code comes from; the paths are those of this machine. */
const ORIGIN_COMMENT = /^\/\/ (\S+\.[cm]?[jt]sx?)$/gm;
/** The same paths as names inside the code. */
const CACHE_PATH = /(?:\.\.\/)*[\w./-]*\/npm\/[^/"'\s]+\/(?=[\w@])/g;
const PACKAGE_FOLDER = /^.*\/npm\/[^/]+\/((?:@[^/]+\/)?[^/]+)\/([^/]+)\//;

/**
 * Bundles the program.
 * @param root URL of the checkout, with a slash at its end
 * @param folder where the files go; must be empty
 * @param commit written into the version; empty for none
 * @throws {Error} when `deno bundle` fails or what it wrote is not what was expected
 */
export async function bundleProgram(root: URL, folder: string, commit: string): Promise<Bundle> {
  const entries = ["main.ts", ...await hiddenModules(root)];
  await runBundler(root, folder, entries);
  const files = await renameChunks(folder, await filesIn(folder));
  const packages = new Map<string, BundledPackage>();
  let stamps = 0;
  for (const file of files) {
    const path = `${folder}/${file}`;
    let text = await Deno.readTextFile(path);
    for (const [, origin = ""] of text.matchAll(ORIGIN_COMMENT)) {
      const [path, name, version] = PACKAGE_FOLDER.exec(origin) ?? [];
      if (path === undefined || name === undefined || version === undefined) continue;
      packages.set(`${name}@${version}`, { name, version, folder: new URL(path, root) });
    }
    text = withoutMachine(text).replace(COMMIT_PLACE, () => {
      stamps++;
      return `var COMMIT = ${JSON.stringify(commit)};`;
    });
    await Deno.writeTextFile(path, pointToBundled(text, file, entries));
  }
  if (stamps !== 1) {
    throw new Error(`the bundle has ${stamps} places for the commit, not one; see src/version.ts`);
  }
  const sorted = [...packages].sort(([a], [b]) => a < b ? -1 : 1).map(([, found]) => found);
  return { folder, files, packages: sorted };
}

async function runBundler(root: URL, folder: string, entries: readonly string[]): Promise<void> {
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "bundle",
      "--quiet",
      "--frozen",
      "--platform=deno",
      "--code-splitting",
      `--outdir=${folder}`,
      ...entries,
    ],
    cwd: root,
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).output();
  if (!success) throw new Error("deno bundle failed");
}

/** The hidden paths name source files; in the bundle they name what became of those. */
function pointToBundled(text: string, file: string, entries: readonly string[]): string {
  if (!text.includes("import.meta.url")) return text;
  return text.replace(/"\.{1,2}\/([\w./-]+)\.ts"/g, (whole, tail: string) => {
    const name = tail.replace(/^(?:\.\.\/)+/, "");
    const meant = entries.filter((entry) => entry.endsWith(`/${name}.ts`));
    const [entry] = meant;
    if (entry === undefined) return whole;
    if (meant.length > 1) throw new Error(`${whole} in ${file} may mean ${meant.join(" or ")}`);
    const up = "../".repeat(file.split("/").length - 1) || "./";
    return `"${up}${entry.replace(/\.ts$/, ".js")}"`;
  });
}

const CHUNK_NAME = /[\w.]+-[A-Z0-9]{8}\.js/g;

/**
 * Gives the shared chunks names that depend on their contents only. The bundler's own depend on where the package cache
 * lies, which would make the same sources give other bytes on another machine.
 * @returns the new list of files
 */
async function renameChunks(folder: string, files: readonly string[]): Promise<string[]> {
  const texts = new Map<string, string>();
  for (const file of files) texts.set(file, await Deno.readTextFile(`${folder}/${file}`));
  const nameless = (file: string) => withoutMachine(texts.get(file) ?? "").replace(CHUNK_NAME, "chunk");
  const chunks = files.filter((file) => file.replace(CHUNK_NAME, "") === "")
    .map((file) => ({ file, text: nameless(file) }))
    .sort((a, b) => a.text < b.text ? -1 : 1);
  const names = new Map(
    chunks.map(({ file }, index) => [file, `chunk-${String(index + 1).padStart(2, "0")}.js`]),
  );
  for (const [file, text] of texts) {
    await Deno.remove(`${folder}/${file}`);
    const renamed = text.replace(CHUNK_NAME, (name) => names.get(name) ?? name);
    await Deno.writeTextFile(`${folder}/${names.get(file) ?? file}`, renamed);
  }
  return await filesIn(folder);
}

/** Takes out what depends on this machine. */
function withoutMachine(text: string): string {
  return text.replace(ORIGIN_COMMENT, "").replace(CACHE_PATH, "npm/");
}

async function filesIn(folder: string, prefix = ""): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(`${folder}/${prefix}`)) {
    const path = `${prefix}${entry.name}`;
    if (entry.isDirectory) files.push(...await filesIn(folder, `${path}/`));
    else files.push(path);
  }
  return files.sort();
}
