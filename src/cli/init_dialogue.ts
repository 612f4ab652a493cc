/** The questions of `init` on a terminal. */
import {
  ConfigError,
  InvalidValueError,
  lastValue,
  loadConfiguration,
  type ParsedFlags,
  parseProfileName,
} from "../config/mod.ts";
import { tryMainTarget } from "../doctor/mod.ts";
import { preflightCommand, PreflightError } from "../preflight/mod.ts";
import {
  checkSampleInputs,
  checkTarget,
  checkTunnelId,
  findSample,
  listProfiles,
  ProfileError,
  renderSample,
  type Sample,
} from "../profiles/mod.ts";
import { CliError } from "./exit.ts";
import type { CliIo } from "./io.ts";
import { isOn, profileDirOf } from "./profile_options.ts";
import { SETUP_PAGES } from "./setup_pages.ts";
import type { Terminal } from "./terminal.ts";

/** One kind of MCP server, as a person would call it. */
interface Kind {
  readonly label: string;
  readonly sample: string;
  /** Name of the profile unless another is wanted. */
  readonly profile: string;
}

const KINDS: readonly Kind[] = [
  { label: "a command on this machine (stdio)", sample: "sample_mcp_stdio_local", profile: "local-stdio" },
  { label: "an HTTP server without sign-in", sample: "sample_mcp_http", profile: "local-http" },
  { label: "an HTTP server with OAuth", sample: "sample_mcp_with_dcr", profile: "oauth-http" },
  {
    label: "an HTTP server behind a company proxy or private CA",
    sample: "sample_mcp_enterprise_proxy",
    profile: "corp-proxy",
  },
];

/** Reads like the variable of the key is set; only its absence would stop a trial that needs no key. */
const STAND_IN = "not-a-key";
/** What shells make of an end by SIGINT. */
const EXIT_INTERRUPTED = 130;

/**
 * Asks for a profile: tunnel, kind of MCP server, where it is, name. The server is tested before the next question.
 * @param flags what was given already
 * @returns the flags that would have made the same profile
 * @throws {CliError} when the person ends it
 */
export async function askForProfile(flags: ParsedFlags, terminal: Terminal, io: CliIo): Promise<ParsedFlags> {
  const named = lastValue(flags, "profile");
  const dir = profileDirOf(flags, io);
  const taken = isOn(flags, "force") ? [] : (await listProfiles(dir)).map(({ name }) => name);
  if (named !== undefined && taken.includes(parseProfileName(named))) {
    throw new CliError(
      `profile ${JSON.stringify(named)} already exists in ${dir}; pass --force to overwrite it`,
    );
  }
  const dialogue = new Dialogue(terminal, io);
  io.stdout(
    "This makes a profile: which tunnel leads to which MCP server.\nCtrl-C ends it, nothing is written then.\n\n",
  );
  const tunnelId = await dialogue.tunnelId();
  const kind = await dialogue.kind();
  const sample = findSample(kind.sample);
  const target = await dialogue.target(sample, tunnelId);
  const { name, force } = named === undefined
    ? await dialogue.profileName(kind.profile, taken)
    : { name: named, force: isOn(flags, "force") };
  io.stdout("\n");
  return {
    ...flags,
    "tunnel-id": [tunnelId],
    sample: [sample.name],
    profile: [name],
    [sample.target === "command" ? "mcp-command" : "mcp-server-url"]: [target],
    ...(force ? { force: ["true"] } : {}),
  };
}

class Dialogue {
  constructor(readonly terminal: Terminal, readonly io: CliIo) {}

  async tunnelId(): Promise<string> {
    const page = SETUP_PAGES.find(({ check }) => check === "tunnels_management_url")?.url ?? "";
    const variable = (this.io.env.CONTROL_PLANE_TUNNEL_ID ?? "").trim();
    const standard = this.#accepts(() => checkTunnelId(variable)) === undefined ? variable : "";
    this.#say(`Tunnel ID: tunnel_ and 32 characters. Tunnels are made at\n  ${page}`);
    for (;;) {
      const answer = await this.#ask("Tunnel ID", standard);
      const complaint = this.#accepts(() => checkTunnelId(answer));
      if (complaint === undefined) return answer;
      this.#say(complaint.replace(/^--tunnel-id /, ""));
    }
  }

  async kind(): Promise<Kind> {
    this.#say("\nWhat is the MCP server?");
    KINDS.forEach(({ label }, index) => this.#say(`  ${index + 1}  ${label}`));
    for (;;) {
      const answer = await this.#ask(`1-${KINDS.length}`, "");
      const kind = /^\d+$/.test(answer) ? KINDS[Number(answer) - 1] : undefined;
      if (kind !== undefined) return kind;
      this.#say(`Type a number from 1 to ${KINDS.length}.`);
    }
  }

  /** Where the server is; it is tried out, and what does not work is only taken when the person insists. */
  async target(sample: Sample, tunnelId: string): Promise<string> {
    const isCommand = sample.target === "command";
    const example = "url" in sample.example ? sample.example.url : sample.example.command;
    this.#say(
      `\n${
        isCommand ? "Which command starts it?" : "At which URL does it answer?"
      } For example:\n  ${example}`,
    );
    for (;;) {
      const answer = await this.#ask(isCommand ? "Command" : "URL", "");
      const [serverUrl, mcpCommand] = isCommand ? ["", answer] : [answer, ""];
      const complaint = answer === ""
        ? "It cannot be empty."
        : this.#accepts(() => void checkTarget(sample, serverUrl, mcpCommand));
      if (complaint !== undefined) {
        this.#say(complaint);
        continue;
      }
      const cannotStart = isCommand ? await this.#whyNoStart(answer) : undefined;
      if (cannotStart !== undefined) {
        this.#say(`The command cannot be started: ${cannotStart}`);
        continue;
      }
      if (await this.#works(sample, { tunnelId, serverUrl, command: mcpCommand })) return answer;
      if (await this.#confirms("Take it all the same?")) return answer;
    }
  }

  async profileName(
    standard: string,
    taken: readonly string[],
  ): Promise<{ readonly name: string; readonly force: boolean }> {
    this.#say("\nThe profile's name is what run, doctor and others take with --profile.");
    for (;;) {
      const answer = await this.#ask("Name", standard);
      const complaint = this.#accepts(() => void parseProfileName(answer));
      if (complaint !== undefined) this.#say(complaint);
      else if (!taken.includes(answer)) return { name: answer, force: false };
      else if (await this.#confirms(`There is a profile ${answer} already. Overwrite it?`)) {
        return { name: answer, force: true };
      }
    }
  }

  async #whyNoStart(mcpCommand: string): Promise<string | undefined> {
    if (/^(?:env|file):/i.test(mcpCommand)) return undefined;
    try {
      await preflightCommand(mcpCommand, { env: this.io.env, cwd: Deno.cwd() });
      return undefined;
    } catch (error) {
      if (error instanceof PreflightError) return error.message;
      throw error;
    }
  }

  /** Asks the server who it is, with the profile that is about to be made. */
  async #works(
    sample: Sample,
    given: { readonly tunnelId: string; readonly serverUrl: string; readonly command: string },
  ): Promise<boolean> {
    this.io.stdout("Testing it ... ");
    const { env } = this.io;
    const path = "profile";
    const text = renderSample(sample, checkSampleInputs(sample, given));
    try {
      const loaded = await loadConfiguration({
        flags: { config: [path] },
        env: {
          ...withoutSettings(env),
          CONTROL_PLANE_API_KEY: env.CONTROL_PLANE_API_KEY?.trim() || STAND_IN,
        },
        readTextFile: (wanted) => wanted === path ? text : Deno.readTextFileSync(wanted),
      });
      const { outcome, detail } = await interruptible((signal) => tryMainTarget(loaded, env, signal));
      const name = detail === "" ? "" : ` It is called ${JSON.stringify(detail)}.`;
      if (outcome === "ok") this.#say(`it answers and speaks MCP.${name}`);
      else if (outcome === "auth-required") this.#say("it answers, and wants its callers to sign in.");
      else this.#say(`failed: ${detail}`);
      return outcome !== "failed";
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      this.#say(
        `it cannot be tested yet:\n${error.problems.map(({ message }) => `  ${message}`).join("\n")}`,
      );
      return false;
    }
  }

  /** Why an answer is not taken; undefined when it is. */
  #accepts(check: () => void): string | undefined {
    try {
      check();
      return undefined;
    } catch (error) {
      if (error instanceof ProfileError || error instanceof InvalidValueError) return error.message;
      throw error;
    }
  }

  async #confirms(question: string): Promise<boolean> {
    return /^y(?:es)?$/i.test(await this.#ask(`${question} [y/N]`, ""));
  }

  async #ask(question: string, standard: string): Promise<string> {
    const answer = await this.terminal.ask(`${question}${standard === "" ? "" : ` [${standard}]`}: `);
    if (answer === undefined) throw new CliError("\ninit was ended; nothing was written");
    return answer === "" ? standard : answer;
  }

  #say(text: string): void {
    this.io.stdout(`${text}\n`);
  }
}

/** Ctrl-C must not leave a server behind that was started for a test. @throws {CliError} when it was pressed */
async function interruptible<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const interrupted = new AbortController();
  const interrupt = () =>
    interrupted.abort(
      new CliError("\ninit was interrupted; nothing was written", { exitCode: EXIT_INTERRUPTED }),
    );
  Deno.addSignalListener("SIGINT", interrupt);
  try {
    return await work(interrupted.signal);
  } finally {
    Deno.removeSignalListener("SIGINT", interrupt);
  }
}

/** Only the profile is to be tested, not what variables would make of it; what it refers to stays. */
function withoutSettings(env: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) =>
      !/^(?:TUNNEL_CLIENT|CONTROL_PLANE|MCP|HARPOON|HEALTH|LOG|CLOUDFLARED)_/.test(name)
    ),
  );
}
