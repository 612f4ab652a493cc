import type { StdioBinding } from "../config/mod.ts";
import { preflightCommand, PreflightError } from "../preflight/mod.ts";
import { again, type Context, shortened } from "./context.ts";
import { type Check, fail, pass } from "./report.ts";

/** Could the command start? Its program, shebang and script, without running anything (check 10, F-1 … F-7). */
export async function checkExecutable(context: Context, { command }: StdioBinding): Promise<Check> {
  try {
    const place = { env: context.request.env, cwd: Deno.cwd() };
    return pass("mcp_command_executable", await preflightCommand(command, place));
  } catch (error) {
    if (!(error instanceof PreflightError)) throw error;
    const message = shortened(context.redact(error.message));
    return fail("mcp_command_executable", message, {
      why: "A command that cannot be started ends a run at its start.",
      evidence: [message],
      next: [
        "install the program that the first word names, or give its absolute path in mcp.command",
        "make a script executable (chmod +x), and check the interpreter in its first line",
        "behind a shell or an interpreter: check that one too, and the path of the script it is given",
        again(context),
      ],
    });
  }
}
