/** `tunnel-client profiles samples …`: profiles with gaps to start from. */
import { exampleOf, findSample, renderSample, sampleFacts, SAMPLES, sampleText } from "../profiles/mod.ts";
import type { GroupCommand, LeafCommand } from "./command.ts";
import { EXIT_OK } from "./exit.ts";
import { commandLines } from "./help_text.ts";
import { isOn, jsonText } from "./profile_options.ts";

const LIST: LeafCommand = {
  kind: "leaf",
  about: "Lists the samples, one per line: name, tab, what it is for.",
  sections: () => [{ heading: "Example", text: commandLines("tunnel-client profiles samples list") }],
  run: ({ flags }, io) => {
    const rows = SAMPLES.map(({ name, summary }) => ({ name, summary }));
    io.stdout(
      isOn(flags, "json") ? jsonText(rows) : rows.map((row) => `${row.name}\t${row.summary}\n`).join(""),
    );
    return Promise.resolve(EXIT_OK);
  },
};

const SHOW: LeafCommand = {
  kind: "leaf",
  about: "Tells what a sample is for and what it needs, and prints it filled with examples.",
  positionals: [{ name: "SAMPLE", help: "Name of the sample." }],
  sections: () => [{
    heading: "Example",
    text: commandLines("tunnel-client profiles samples show sample_mcp_with_dcr"),
  }],
  run: ({ flags, args: [word = ""] }, io) => {
    const sample = findSample(word);
    const yaml = renderSample(sample, exampleOf(sample));
    io.stdout(
      isOn(flags, "json") ? jsonText({ ...sampleFacts(sample), yaml }) : `${sampleText(sample)}\n${yaml}`,
    );
    return Promise.resolve(EXIT_OK);
  },
};

/** `profiles samples`. */
export const command: GroupCommand = {
  kind: "group",
  about: "Profiles with gaps. init fills them and checks what it is told; profiles add only fills them.",
  children: [
    { name: "list", summary: "List the samples", load: () => Promise.resolve(LIST) },
    { name: "show", summary: "Show one sample", load: () => Promise.resolve(SHOW) },
  ],
};
