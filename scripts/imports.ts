/**
 * Checks the house's arrows: no import cycles between files, other rooms are entered through their `mod.ts` only, and
 * arrows between rooms point one way (architecture, "The house"). Prints every violation and exits 1 if there is one.
 */
import { fileURLToPath as fromFileUrl, pathToFileURL as toFileUrl } from "node:url";

/** Which rooms a room may import from; types count like values. */
const ARROWS: Readonly<Record<string, readonly string[]>> = {
  cli: [
    "admin",
    "agent",
    "channels",
    "config",
    "doctor",
    "json",
    "net",
    "ops",
    "preflight",
    "profiles",
    "relay",
    "sandbox",
    "stub",
  ],
  profiles: ["channels", "config"],
  preflight: ["channels", "config"],
  doctor: ["agent", "channels", "config", "net", "oauth", "ops", "preflight", "sandbox"],
  sandbox: ["agent", "channels", "config", "net", "oauth", "ops", "stub"],
  admin: ["agent", "config", "net"],
  agent: ["channels", "config", "json", "net", "ops"],
  oauth: ["channels", "config", "json", "net", "ops"],
  channels: ["config", "json", "net", "ops"],
  net: ["ops"],
  ops: ["config"],
  relay: ["agent", "config", "json", "ops"],
  stub: ["config", "ops"],
  config: [],
  json: [],
};
/** The only files of the agent that these rooms may enter: they share its wire, and what its errors mean. */
const AGENT_DOORS: Readonly<Record<string, readonly string[]>> = {
  relay: ["src/agent/wire.ts"],
  admin: ["src/agent/wire.ts", "src/agent/service_error.ts"],
};

/** Side doors into rooms whose `mod.ts` would load much more than a thread needs: every module delays the first poll. */
const LEAN_DOORS: Readonly<Record<string, readonly string[]>> = {
  cli: ["src/net/ways.ts"],
  sandbox: ["src/ops/agent_side.ts", "src/net/ways.ts"],
  channels: ["src/config/duration.ts"],
  oauth: ["src/config/duration.ts"],
};

const root = fromFileUrl(new URL("../", import.meta.url));
const IMPORT = /^\s*(?:import|export)\b[^'";]*?from\s*"([^"]+)"|^\s*import\s+"([^"]+)"/gm;

const problems: string[] = [];
const graph = new Map<string, string[]>();
for (const file of await sources("src")) graph.set(file, await importsOf(file));
graph.set("main.ts", await importsOf("main.ts"));
for (const [file, imports] of graph) for (const target of imports) checkArrow(file, target);
for (const cycle of cycles()) problems.push(`import cycle: ${cycle.join(" → ")}`);

if (problems.length > 0) {
  console.error(problems.join("\n"));
  Deno.exit(1);
}
console.log(`imports: ${graph.size} files, no cycles, all arrows point the right way`);

async function sources(folder: string): Promise<string[]> {
  const files: string[] = [];
  for await (const entry of Deno.readDir(`${root}${folder}`)) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory) files.push(...await sources(path));
    else if (/\.tsx?$/.test(entry.name)) files.push(path);
  }
  return files.sort();
}

async function importsOf(file: string): Promise<string[]> {
  const text = await Deno.readTextFile(root + file);
  const found: string[] = [];
  for (const match of text.matchAll(IMPORT)) {
    const specifier = match[1] ?? match[2] ?? "";
    if (!specifier.startsWith(".")) continue;
    found.push(fromFileUrl(new URL(specifier, toFileUrl(root + file))).slice(root.length));
  }
  return found;
}

function room(file: string): string | undefined {
  return /^src\/([^/]+)\//.exec(file)?.[1];
}

function checkArrow(file: string, target: string): void {
  const from = room(file);
  const to = room(target);
  if (from === undefined || to === undefined || from === to) return;
  if (!(ARROWS[from] ?? []).includes(to)) {
    problems.push(`${file}: room ${from} may not import from room ${to}`);
  }
  const isDoor = target === `src/${to}/mod.ts` || (LEAN_DOORS[from]?.includes(target) ?? false);
  const agentDoors = to === "agent" ? AGENT_DOORS[from] : undefined;
  if (agentDoors === undefined ? !isDoor : !agentDoors.includes(target)) {
    problems.push(`${file}: ${target} is not the way into room ${to}`);
  }
}

function cycles(): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string): void => {
    const at = path.indexOf(file);
    if (at !== -1) {
      found.push([...path.slice(at), file]);
      return;
    }
    if (done.has(file)) return;
    path.push(file);
    for (const target of graph.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return found;
}
