/** Can the files be written that a run writes? Nothing is left of the attempt. */
import { runningOwnerOf } from "../ops/mod.ts";
import { again, type Context } from "./context.ts";
import { type Check, fail, pass, skip } from "./report.ts";

const WHY = "A run ends at once when it cannot write its files.";

interface Wanted {
  readonly setting: "log.file" | "pid.file" | "health.url-file";
  readonly path: string;
}

export async function checkFiles(context: Context): Promise<Check> {
  const { log, health, pidFile } = context.config;
  const wanted = ([
    { setting: "log.file", path: log.file },
    { setting: "pid.file", path: pidFile },
    { setting: "health.url-file", path: health.urlFile },
  ] satisfies Wanted[]).filter(({ path }) => path !== "");
  if (wanted.length === 0) return skip("files", "none configured");
  const found = await Promise.all(
    wanted.map(async (file) => ({ file, doubt: await doubtOf(file) })),
  );
  const evidence = found.map(({ file, doubt }) =>
    `${file.setting} ${file.path}: ${doubt ?? "can be written"}`
  );
  const bad = found.findIndex(({ doubt }) => doubt !== undefined);
  if (bad === -1) {
    return pass("files", `${wanted.map(({ setting }) => setting).join(", ")} can be written`, { evidence });
  }
  const isOwned = found[bad]?.doubt?.includes("running process") === true;
  return fail("files", evidence[bad] ?? "", {
    why: WHY,
    evidence,
    next: [
      isOwned
        ? "stop that agent first, or give this one a file of its own: --pid.file PATH"
        : "create the directory, and let this user write to it, or choose another path",
      again(context),
    ],
  });
}

/** Why a run could not write it; undefined when it could. */
async function doubtOf({ setting, path }: Wanted): Promise<string | undefined> {
  try {
    if (setting === "pid.file") {
      const owner = await runningOwnerOf(path);
      if (owner !== undefined) return `belongs to the running process ${owner}`;
    }
    const info = await statIfPresent(path);
    if (info?.isDirectory) return "is a directory";
    // Only the log is appended to; the others are replaced, which their directory decides.
    if (setting === "log.file" && info !== undefined) {
      (await Deno.open(path, { append: true })).close();
      return undefined;
    }
    await writeBeside(path, setting === "health.url-file");
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return reasonOf(error);
  }
}

function reasonOf(error: Error): string {
  if (error instanceof Deno.errors.NotFound) return "its directory does not exist";
  if (error instanceof Deno.errors.PermissionDenied) return "this user may not write there";
  if (error instanceof Deno.errors.NotADirectory) return "a part of its path is no directory";
  return error.message;
}

/** Writes a file of another name into the directory, and removes it. */
async function writeBeside(path: string, mayCreate: boolean): Promise<void> {
  const directory = mayCreate ? await nearestDirectory(directoryOf(path)) : directoryOf(path);
  const probe = `${directory}/.tunnel-client-doctor-${crypto.randomUUID()}`;
  await Deno.writeTextFile(probe, "", { createNew: true });
  await Deno.remove(probe);
}

/** The deepest directory of a path that is there already: the others would be created in it. */
async function nearestDirectory(path: string): Promise<string> {
  const info = await statIfPresent(path);
  if (info !== undefined || path === "/" || path === ".") return path;
  return await nearestDirectory(directoryOf(path));
}

function directoryOf(path: string): string {
  const end = path.lastIndexOf("/");
  return end === -1 ? "." : path.slice(0, Math.max(end, 1));
}

async function statIfPresent(path: string): Promise<Deno.FileInfo | undefined> {
  try {
    return await Deno.stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
