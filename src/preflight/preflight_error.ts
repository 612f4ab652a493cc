/** A stdio command cannot start. */
export class PreflightError extends Error {
  override readonly name = "PreflightError";
  /**
   * @param problem what is wrong with the command
   * @param next what to do about it
   */
  constructor(readonly problem: string, readonly next: string) {
    super(next === "" ? problem : `${problem}; ${next}`);
  }
}
