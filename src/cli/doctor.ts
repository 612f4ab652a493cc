/** `tunnel-client doctor`: would a run with this command line work? (spec 04 §4) */
import { examine, reportDocument, reportText } from "../doctor/mod.ts";
import type { CommandCall, LeafCommand } from "./command.ts";
import { doctorFlags, doctorOptions } from "./doctor_options.ts";
import { CliError, EXIT_OK } from "./exit.ts";
import { commandLines } from "./help_text.ts";
import type { CliIo } from "./io.ts";
import { progressLine } from "./progress_line.ts";
import { connectorNote, SETUP_PAGES } from "./setup_pages.ts";
import { listenForStop } from "./stop_signals.ts";

/** At least one check failed (D-2). */
const EXIT_NOT_WELL = 2;

export const command: LeafCommand = {
  kind: "leaf",
  about:
    "Looks at everything that a run with the same flags, variables and profile would need, and says what would fail, why, " +
    "and what to do: the configuration, the files, the listener, the certificates and proxies, the control plane with its " +
    "key and its tunnel, and a real handshake with every MCP server. Nothing is polled and nothing is left behind.\n\n" +
    "Exits with 0 when no check fails, with 2 when one does, with 1 for a wrong command line.",
  flags: doctorFlags,
  sections: () => [{
    heading: "Examples",
    text: commandLines(
      "tunnel-client doctor --profile local-stdio",
      "tunnel-client doctor --profile local-stdio --explain",
      "tunnel-client doctor --profile local-stdio --json",
    ),
  }],
  run: ({ flags }, io) => doctor(flags, io),
};

async function doctor(flags: CommandCall["flags"], io: CliIo): Promise<number> {
  const options = doctorOptions(flags);
  const signals = listenForStop();
  const stop = new AbortController();
  void signals.next().then((signal) =>
    stop.abort(new CliError(`stopped by ${signal}`, { exitCode: signal === "SIGINT" ? 130 : 143 }))
  );
  const progress = progressLine({
    write: io.stderr,
    isTerminal: Deno.stderr.isTerminal(),
    columns: () => Deno.consoleSize().columns,
  });
  try {
    const report = await examine({
      flags: options.settings,
      env: io.env,
      pages: SETUP_PAGES,
      connectorNote,
      onProgress: progress.show,
      signal: stop.signal,
    });
    progress.clear();
    const isWell = report.checks.every(({ status }) => status !== "FAIL");
    io.stdout(
      options.json
        ? `${JSON.stringify(reportDocument(report), null, 2)}\n`
        : reportText(report, options.explain ? "explained" : "brief"),
    );
    return isWell ? EXIT_OK : EXIT_NOT_WELL;
  } finally {
    progress.clear();
    signals.close();
  }
}
