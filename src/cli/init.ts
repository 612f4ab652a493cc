/** `tunnel-client init`: makes a profile, from flags or by asking (spec 04 §5). */
import {
  formatProblem,
  InvalidValueError,
  lastValue,
  type ParsedFlags,
  parseProfileName,
  validateProfileText,
} from "../config/mod.ts";
import { preflightCommand, PreflightError } from "../preflight/mod.ts";
import {
  addProfile,
  checkSampleInputs,
  checkTunnelId,
  findSample,
  renderSample,
  type Sample,
  type StoredProfile,
  writeSchemaFile,
} from "../profiles/mod.ts";
import type { LeafCommand } from "./command.ts";
import { CliError, EXIT_OK } from "./exit.ts";
import { commandLines, paragraphs } from "./help_text.ts";
import { askForProfile } from "./init_dialogue.ts";
import type { CliIo } from "./io.ts";
import {
  isOn,
  jsonText,
  profileDirFlag,
  profileDirOf,
  profileFlag,
  profileSwitch,
  shownDirFlag,
} from "./profile_options.ts";
import { ignoredTargets } from "./profiles.ts";
import { connectorNote, setupPages } from "./setup_pages.ts";
import { processTerminal } from "./terminal.ts";

const DEFAULT_NAME = "sample_mcp_with_dcr";
const PROFILE = "Profile";
const TARGET = "MCP server (one of the two)";
const CONTROL_PLANE = "Control plane";
const OPERATION = "Operation";

export const command: LeafCommand = {
  kind: "leaf",
  about:
    "Makes a profile from a sample. What it is told is checked first, and nothing is written unless all of it is good: " +
    "ids, URLs, addresses, and whether the command of a stdio server could be started.\n\n" +
    "On a terminal, init without flags asks for what it needs, one question at a time, and tests the MCP server. " +
    "In a pipe it never asks.",
  flags: () => [
    { ...profileFlag("profile", "NAME", "Name of the profile.", PROFILE), default: DEFAULT_NAME },
    profileFlag(
      "sample",
      "SAMPLE",
      "Sample to start from; sample_mcp_stdio_local when only a command is given, else sample_mcp_with_dcr.",
      PROFILE,
    ),
    { ...profileDirFlag(), group: PROFILE },
    profileSwitch("force", "Overwrite a profile of this name.", PROFILE),
    profileFlag("mcp-server-url", "URL", "MCP server over HTTP: a URL, env:NAME or file:/path.", TARGET),
    profileFlag(
      "mcp-command",
      "COMMAND",
      "MCP server over stdio: a command line, env:NAME or file:/path.",
      TARGET,
    ),
    profileFlag("tunnel-id", "ID", "Tunnel to serve. Required.", CONTROL_PLANE),
    {
      ...profileFlag("control-plane-base-url", "URL", "Control plane to poll.", CONTROL_PLANE),
      default: "https://api.openai.com",
    },
    profileFlag("control-plane-url-path", "PATH", "Prefix of its routes, for gateways.", CONTROL_PLANE),
    {
      ...profileFlag(
        "control-plane-api-key-ref",
        "REF",
        "Where the key comes from: env:NAME or file:/path.",
        CONTROL_PLANE,
      ),
      default: "env:CONTROL_PLANE_API_KEY",
    },
    {
      ...profileFlag(
        "health-listen-addr",
        "HOST:PORT",
        "Address of health checks, metrics and page.",
        OPERATION,
      ),
      default: "127.0.0.1:8080",
    },
    profileSwitch("open-web-ui", "Open the page in a browser at start.", OPERATION),
    profileSwitch("json", "Print one JSON document, and never ask.", OPERATION),
  ],
  sections: () => [{
    heading: "Examples",
    text: commandLines(
      "tunnel-client init",
      "tunnel-client init --sample sample_mcp_stdio_local --profile local-stdio \\",
      '  --tunnel-id tunnel_... --mcp-command "python /path/to/server.py"',
      "tunnel-client init --sample sample_mcp_http --profile local-http \\",
      "  --tunnel-id tunnel_... --mcp-server-url http://127.0.0.1:3000/mcp",
    ),
  }],
  run: async ({ flags }, io) => {
    const given = await askedFor(flags, io) ?? flags;
    const made = await makeProfile(given, io);
    io.stdout(isOn(given, "json") ? jsonText(documentOf(made)) : successText(made));
    return EXIT_OK;
  },
};

/** A profile that was made. */
interface Made extends StoredProfile {
  readonly sample: string;
  /** The commands to go on with. */
  readonly doctor: string;
  readonly run: string;
}

/** What says how the dialogue ends, not what the profile says: with these alone there are still questions to ask. */
const BESIDE_THE_QUESTIONS: ReadonlySet<string> = new Set(["profile", "profile-dir", "force", "open-web-ui"]);

/** The flags that a person has answered with; undefined when nobody is to be asked. */
async function askedFor(flags: ParsedFlags, io: CliIo): Promise<ParsedFlags | undefined> {
  if (Object.keys(flags).some((name) => !BESIDE_THE_QUESTIONS.has(name))) return undefined;
  const terminal = processTerminal(io.stdout);
  return terminal && await askForProfile(flags, terminal, io);
}

/** The steps of I-1. @throws when one of them fails; then nothing was written */
async function makeProfile(flags: ParsedFlags, io: CliIo): Promise<Made> {
  const value = (name: string) => (lastValue(flags, name) ?? "").trim();
  if (value("tunnel-id") === "") throw new CliError(NO_TUNNEL_ID);
  const [serverUrl, mcpCommand] = [value("mcp-server-url"), value("mcp-command")];
  const sample = findSample(value("sample") || automaticSample(serverUrl, mcpCommand));
  const name = profileName(value("profile") || DEFAULT_NAME);
  const dir = profileDirOf(flags, io);
  checkTunnelId(value("tunnel-id"));
  const inputs = checkSampleInputs(sample, {
    tunnelId: value("tunnel-id"),
    baseUrl: value("control-plane-base-url"),
    urlPath: value("control-plane-url-path"),
    apiKeyReference: value("control-plane-api-key-ref"),
    listenAddr: value("health-listen-addr"),
    openBrowser: isOn(flags, "open-web-ui"),
    serverUrl,
    command: mcpCommand,
  });
  const text = renderSample(sample, inputs);
  await checkRendered(text, sample);
  await checkStarts(mcpCommand, io);
  const profile = await addProfile(dir, name, text, isOn(flags, "force") ? "replace" : "create");
  const noSchema = await writeSchemaFile(dir);
  if (noSchema !== undefined) io.stderr(`warning: ${noSchema}\n`);
  for (const flag of ignoredTargets(inputs, flags)) {
    io.stderr(`--${flag} is ignored: ${sample.name} has no use for it\n`);
  }
  const rest = `--profile ${name}${shownDirFlag(flags)}`;
  return {
    ...profile,
    sample: sample.name,
    doctor: `tunnel-client doctor ${rest}`,
    run: `tunnel-client run ${rest}`,
  };
}

const NO_TUNNEL_ID = [
  "--tunnel-id is required: which tunnel is the profile for?",
  setupPages(),
  "Make or look up a tunnel:",
  "  tunnel-client admin tunnels create --help",
  "  tunnel-client admin tunnels list --help",
  "Step by step:",
  "  tunnel-client help quickstart",
  "On a terminal, tunnel-client init without flags asks for everything.",
].join("\n");

function automaticSample(serverUrl: string, mcpCommand: string): string {
  return mcpCommand !== "" && serverUrl === "" ? "sample_mcp_stdio_local" : "sample_mcp_with_dcr";
}

function profileName(text: string): string {
  try {
    return parseProfileName(text);
  } catch (error) {
    if (!(error instanceof InvalidValueError)) throw error;
    throw new CliError(`--profile: ${error.problem}; ${NAME_HINT}`);
  }
}

const NAME_HINT =
  "use letters, digits, . _ and -, beginning with a letter or digit; --profile-dir names the directory";

async function checkRendered(text: string, { name }: Sample): Promise<void> {
  const problems = await validateProfileText(text, name);
  if (problems.length === 0) return;
  throw new CliError(`the profile would not be valid:\n${problems.map(formatProblem).join("\n")}`);
}

/** F-6: nothing is executed. A reference is not followed, so that what it leads to cannot be looked for. */
async function checkStarts(mcpCommand: string, { env }: CliIo): Promise<void> {
  if (mcpCommand === "" || /^(?:env|file):/i.test(mcpCommand)) return;
  try {
    await preflightCommand(mcpCommand, { env, cwd: Deno.cwd() });
  } catch (error) {
    if (!(error instanceof PreflightError)) throw error;
    throw new CliError(`mcp-command preflight failed: ${error.message}`);
  }
}

/** I-5. */
function successText({ name, path, sample, doctor, run }: Made): string {
  return [
    `Created profile ${name} at ${path}`,
    `Sample: ${sample}`,
    "Next:",
    `  ${doctor}`,
    `  ${run}`,
    setupPages(),
    paragraphs(connectorNote(run)),
    "",
  ].join("\n");
}

function documentOf({ name, path, sample, doctor, run }: Made): unknown {
  return { name, path, sample, next: [doctor, run] };
}
