/** `tunnel-client profiles …`: the profiles of this machine. */
import { lastValue } from "../config/mod.ts";
import {
  addProfile,
  checkProfile,
  checkSampleInputs,
  deleteProfile,
  editProfile,
  findProfile,
  findSample,
  listProfiles,
  maskProfile,
  readProfile,
  renderSample,
  schemaText,
  selectEditor,
  writeSchemaFile,
} from "../profiles/mod.ts";
import { formatProblem, parseProfileName } from "../config/mod.ts";
import type { CommandCall, GroupCommand, LeafCommand, Positional } from "./command.ts";
import { CliError, EXIT_OK } from "./exit.ts";
import { commandLines } from "./help_text.ts";
import type { CliIo } from "./io.ts";
import { loadCommand } from "./load_module.ts";
import {
  isOn,
  jsonText,
  profileDirFlag,
  profileDirOf,
  profileFlag,
  profileSwitch,
  secretText,
  warnOfSecrets,
} from "./profile_options.ts";
import { writeSchema } from "./profiles_schema.ts";
import { validateProfiles } from "./profiles_validate.ts";

const NAME: Positional = { name: "NAME", help: "Name of the profile: its file without .yaml." };

/** What a command has to say; text for people, a document for `--json`. */
interface Answer {
  readonly text: string;
  readonly document: unknown;
}

function leaf(
  command: Omit<LeafCommand, "kind" | "run">,
  answer: (call: CommandCall, io: CliIo) => Promise<Answer>,
): LeafCommand {
  return {
    ...command,
    kind: "leaf",
    run: async (call, io) => {
      const { text, document } = await answer(call, io);
      io.stdout(isOn(call.flags, "json") ? jsonText(document) : text);
      return EXIT_OK;
    },
  };
}

function examples(...lines: readonly string[]): LeafCommand["sections"] {
  return () => [{ heading: lines.length === 1 ? "Example" : "Examples", text: commandLines(...lines) }];
}

const LIST = leaf({
  about: "Lists the profiles of the profile directory, one per line: name, tab, path.",
  sections: examples("tunnel-client profiles list"),
}, async ({ flags }, io) => {
  const dir = profileDirOf(flags, io);
  const profiles = await listProfiles(dir);
  const lines = profiles.map(({ name, path }) => `${name}\t${path}\n`);
  const text = lines.length === 0
    ? `no profiles found in ${dir}; make one with tunnel-client init\n`
    : lines.join("");
  return { text, document: profiles };
});

const SHOW = leaf({
  about:
    "Prints a profile with its secrets masked, comments and all. References (env:NAME, file:/path) are shown; where " +
    "they lead is not.",
  positionals: [NAME],
  sections: examples("tunnel-client profiles show local-stdio"),
}, async ({ flags, args: [word = ""] }, io) => {
  const profile = await findProfile(profileDirOf(flags, io), word);
  const masked = maskProfile(await readProfile(profile.path), profile.path);
  if (masked === undefined) {
    throw new CliError(
      `${profile.path} is not valid YAML, so that its secrets cannot be told from the rest; see tunnel-client profiles ` +
        `validate ${profile.name}`,
    );
  }
  const { text, secrets } = masked;
  warnOfSecrets(secrets, io);
  const warnings = secrets.length === 0 ? {} : { warnings: secrets.map(secretText) };
  return {
    text: text.endsWith("\n") || text === "" ? text : `${text}\n`,
    document: { ...profile, text, ...warnings },
  };
});

const PATH = leaf({
  about: "Prints the path of a profile, or without a name the directory of all of them.",
  positionals: [{ ...NAME, optional: true }],
  sections: examples("tunnel-client profiles path local-stdio"),
}, async ({ flags, args: [word] }, io) => {
  const dir = profileDirOf(flags, io);
  if (word === undefined) return { text: `${dir}\n`, document: { path: dir } };
  const profile = await findProfile(dir, word);
  return { text: `${profile.path}\n`, document: profile };
});

const ADD: LeafCommand = {
  ...leaf({
    about:
      "Adds a profile: a file as it stands once it is found valid, or a sample whose gaps are filled. A command is not " +
      "looked for; init does that.",
    usage: ["NAME --from-file PATH [flags]", "NAME --sample SAMPLE --tunnel-id ID [flags]"],
    positionals: [NAME],
    flags: () => [
      profileFlag("from-file", "PATH", "Add this file."),
      profileFlag("sample", "SAMPLE", "Add this sample; see profiles samples list."),
      profileSwitch("force", "Overwrite a profile of this name."),
      profileFlag("tunnel-id", "ID", "Tunnel of the sample's profile."),
      profileFlag("mcp-server-url", "URL", "MCP server over HTTP: a URL, env:NAME or file:/path."),
      profileFlag("mcp-command", "COMMAND", "MCP server over stdio: a command line, env:NAME or file:/path."),
    ],
    sections: examples(
      "tunnel-client profiles add team --from-file ./team.yaml",
      "tunnel-client profiles add corp --sample sample_mcp_enterprise_proxy \\",
      "  --tunnel-id tunnel_... --mcp-server-url https://mcp.example.com/mcp",
    ),
  }, addCommand),
};

async function addCommand({ flags, args: [word = ""] }: CommandCall, io: CliIo): Promise<Answer> {
  const [file, sampleName] = [lastValue(flags, "from-file"), lastValue(flags, "sample")];
  if ((file === undefined) === (sampleName === undefined)) {
    throw new CliError("profiles add needs exactly one of --from-file and --sample");
  }
  const name = parseProfileName(word);
  const dir = profileDirOf(flags, io);
  const text = file === undefined ? renderedSample(sampleName ?? "", flags, io) : await readProfile(file);
  const { problems, secrets } = await checkProfile(text, file ?? name);
  if (problems.length > 0) {
    throw new CliError(`profile did not validate:\n${problems.map(formatProblem).join("\n")}`);
  }
  const profile = await addProfile(dir, name, text, isOn(flags, "force") ? "replace" : "create");
  const noSchema = file === undefined ? await writeSchemaFile(dir) : undefined;
  if (noSchema !== undefined) io.stderr(`warning: ${noSchema}\n`);
  const stored = secrets.map((secret) => ({
    ...secret,
    location: { ...secret.location, path: profile.path },
  }));
  warnOfSecrets(stored, io);
  const warnings = stored.length === 0 ? {} : { warnings: stored.map(secretText) };
  return {
    text: `Added profile ${name} at ${profile.path}\n`,
    document: { ...profile, ...warnings },
  };
}

function renderedSample(sampleName: string, flags: CommandCall["flags"], io: CliIo): string {
  const sample = findSample(sampleName);
  const given = (flag: string) => lastValue(flags, flag) ?? "";
  const inputs = checkSampleInputs(sample, {
    tunnelId: given("tunnel-id"),
    serverUrl: given("mcp-server-url"),
    command: given("mcp-command"),
  });
  for (const flag of ignoredTargets(inputs, flags)) {
    io.stderr(`--${flag} is ignored: ${sample.name} has no use for it\n`);
  }
  return renderSample(sample, inputs);
}

/** Flags that were given for a target that the sample does not take. */
export function ignoredTargets(
  { serverUrl, command }: { readonly serverUrl: string; readonly command: string },
  flags: CommandCall["flags"],
): readonly string[] {
  const taken = [["mcp-server-url", serverUrl], ["mcp-command", command]] as const;
  return taken.filter(([flag, value]) => value === "" && (lastValue(flags, flag) ?? "").trim() !== "").map((
    [flag],
  ) => flag);
}

const EDIT = leaf({
  about:
    "Opens a profile in the editor that VISUAL or EDITOR names, and saves it when what was written is valid. A profile " +
    "that is not there yet starts from sample_mcp_with_dcr. What cannot be saved is kept in a file that is named, and " +
    "the profile stays as it was.",
  positionals: [NAME],
  sections: examples("tunnel-client profiles edit local-stdio"),
}, async ({ flags, args: [word = ""] }, io) => {
  const dir = profileDirOf(flags, io);
  parseProfileName(word);
  const { name, path, secrets } = await editProfile(dir, word, await selectEditor(io.env));
  warnOfSecrets(secrets, io);
  const warnings = secrets.length === 0 ? {} : { warnings: secrets.map(secretText) };
  return { text: `Saved profile ${name} at ${path}\n`, document: { name, path, ...warnings } };
});

const DELETE = leaf({
  about: "Deletes a profile. An agent that runs with it goes on until it is started anew.",
  positionals: [NAME],
  flags: () => [profileSwitch("confirm", "Really delete it.")],
  sections: examples("tunnel-client profiles delete local-stdio --confirm"),
}, async ({ flags, args: [word = ""] }, io) => {
  const profile = await findProfile(profileDirOf(flags, io), word);
  if (!isOn(flags, "confirm")) throw new CliError(`refusing to delete ${profile.path}; add --confirm`);
  await deleteProfile(profile);
  return {
    text: `Deleted profile ${profile.name} at ${profile.path}\n`,
    document: { ...profile, deleted: true },
  };
});

const VALIDATE: LeafCommand = {
  kind: "leaf",
  about:
    "Checks one profile, a file, or without a word every profile: the YAML, its keys, references and values. All mistakes " +
    "are told as file:line:column, and the exit code is 1. References are not followed; doctor does that.",
  positionals: [{
    name: "NAME_OR_FILE",
    help: "Profile to check; a word with a slash or .yaml is a file.",
    optional: true,
  }],
  sections: examples("tunnel-client profiles validate", "tunnel-client profiles validate ./team.yaml"),
  run: ({ flags, args: [word] }, io) => validateProfiles(word, flags, io),
};

const SCHEMA: LeafCommand = {
  kind: "leaf",
  about:
    "Prints the JSON Schema of a profile, for editors and other programs. Profiles made by init and profiles add refer to a " +
    "copy of it that stands beside them.",
  flags: () => [profileFlag("output", "PATH", "Write it to this file instead.")],
  sections: examples("tunnel-client profiles schema"),
  run: ({ flags }, io) => writeSchema(schemaText(), flags, io),
};

const ENTRIES: readonly (readonly [name: string, summary: string, command: LeafCommand])[] = [
  ["list", "List the profiles", LIST],
  ["show", "Print a profile with its secrets masked", SHOW],
  ["path", "Print where a profile is", PATH],
  ["add", "Add a profile from a file or a sample", ADD],
  ["edit", "Edit a profile, or make one, in an editor", EDIT],
  ["delete", "Delete a profile", DELETE],
  ["validate", "Check profiles for mistakes", VALIDATE],
  ["schema", "Print the JSON Schema of a profile", SCHEMA],
];

/** `profiles`. */
export const command: GroupCommand = {
  kind: "group",
  about:
    "Looks after profiles: saved configurations that run, doctor and others take with --profile NAME. They are the " +
    ".yaml files of one directory, $XDG_CONFIG_HOME/tunnel-client or ~/.config/tunnel-client unless another is named.",
  flags: () => [profileDirFlag(), profileSwitch("json", "Print one JSON document.")],
  children: [
    ...ENTRIES.map(([name, summary, entry]) => ({ name, summary, load: () => Promise.resolve(entry) })),
    {
      name: "samples",
      summary: "Profiles with gaps to start from",
      load: () =>
        loadCommand<typeof import("./profiles_samples.ts")>("./profiles_samples.ts", import.meta.url),
    },
  ],
};
