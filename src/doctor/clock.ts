import { again, type Context } from "./context.ts";
import { type Check, fail, pass, skip, warn } from "./report.ts";

/** From here on a difference is worth a word. */
const DOUBTFUL_S = 30;
/** From here on certificates and tokens are judged wrongly. */
const WRONG_S = 300;

/**
 * Compares this machine's clock with the control plane's.
 * @param date the `Date` field of an answer, which counts whole seconds (RFC 9110 §6.6.1)
 * @param atMs this machine's time in the middle of the exchange
 */
export function clockCheck(
  date: string | undefined,
  atMs: number,
  context: Pick<Context, "commands">,
): Check {
  const theirMs = Date.parse(date ?? "");
  if (Number.isNaN(theirMs)) return skip("clock", "not known: no answer with a date");
  const aheadS = Math.round((atMs - theirMs - 500) / 1000);
  const offS = Math.abs(aheadS);
  if (offS < DOUBTFUL_S) return pass("clock", `in step with the control plane (${offS} s off)`);
  const summary = `${offS} s ${aheadS > 0 ? "ahead of" : "behind"} the control plane`;
  const details = {
    why: "Certificates, tokens and the times in logs are judged by this machine's clock.",
    evidence: [
      `this machine: ${new Date(atMs).toISOString()}`,
      `control plane: ${new Date(theirMs).toISOString()}`,
    ],
    next: ["set the clock, best by a time service; on Linux: sudo timedatectl set-ntp true", again(context)],
  };
  return offS < WRONG_S ? warn("clock", summary, details) : fail("clock", summary, details);
}
