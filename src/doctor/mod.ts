/**
 * doctor: would it work? In: a command line with its environment. Out: one report of checks, each with why it matters,
 * what was seen, and what to do next, so that whatever fails later has been said before. It uses the network, the
 * programs and the files exactly as a run would, and leaves nothing behind.
 */
export { examine } from "./examine.ts";
export type { DoctorRequest, SetupPage } from "./context.ts";
export type { Check, CheckId, CheckStatus, DoctorReport, Hop } from "./report.ts";
export { reportDocument, reportText } from "./report_text.ts";
export { type TargetTrial, tryMainTarget } from "./try_main_target.ts";
