/** `tunnel-client completion`: scripts that let a shell complete this program's words (C-13). */
import { type FlagSpec, lastValue, parseBoolean } from "../config/mod.ts";
import type { CommandEntry, GroupCommand, LeafCommand } from "./command.ts";
import {
  bashScript,
  type Descriptions,
  fishScript,
  powershellScript,
  zshScript,
} from "./completion_scripts.ts";
import { type CompletionRow, completionTable } from "./completion_table.ts";
import { EXIT_OK } from "./exit.ts";
import { commandLines } from "./help_text.ts";

interface Shell {
  readonly name: string;
  readonly title: string;
  readonly script: (rows: readonly CompletionRow[], descriptions: Descriptions) => string;
  /** How to load it, once and for good. */
  readonly setup: readonly string[];
}

const SHELLS: readonly Shell[] = [
  {
    name: "bash",
    title: "bash",
    script: bashScript,
    setup: [
      "source <(tunnel-client completion bash)",
      "tunnel-client completion bash > \\",
      "  ~/.local/share/bash-completion/completions/tunnel-client",
    ],
  },
  {
    name: "zsh",
    title: "zsh",
    script: zshScript,
    setup: [
      "source <(tunnel-client completion zsh)",
      'tunnel-client completion zsh > "${fpath[1]}/_tunnel-client"',
    ],
  },
  {
    name: "fish",
    title: "fish",
    script: fishScript,
    setup: [
      "tunnel-client completion fish | source",
      "tunnel-client completion fish > ~/.config/fish/completions/tunnel-client.fish",
    ],
  },
  {
    name: "powershell",
    title: "PowerShell",
    script: powershellScript,
    setup: ["tunnel-client completion powershell | Out-String | Invoke-Expression"],
  },
];

const FLAGS: readonly FlagSpec[] = [{
  name: "no-descriptions",
  syntax: "bool",
  repeatable: false,
  placeholder: "",
  default: "",
  help: "Leave out the explanations of the words.",
  group: "Flags",
}];

export const command: GroupCommand = {
  kind: "group",
  about: "Prints a script that lets a shell complete commands, flags and their values.",
  flags: () => FLAGS,
  children: SHELLS.map(entryOf),
};

function entryOf(shell: Shell): CommandEntry {
  return {
    name: shell.name,
    summary: `Script for ${shell.title}`,
    load: () => Promise.resolve(commandOf(shell)),
  };
}

function commandOf({ title, script, setup }: Shell): LeafCommand {
  return {
    kind: "leaf",
    about: `Prints the completion script for ${title}.`,
    sections: () => [{ heading: "For this shell, and for every one", text: commandLines(...setup) }],
    run: async ({ flags }, io) => {
      const isPlain = parseBoolean(lastValue(flags, "no-descriptions") ?? "false");
      io.stdout(script(await completionTable(), isPlain ? "without-descriptions" : "with-descriptions"));
      return EXIT_OK;
    },
  };
}
