/**
 * A text could not be read as the kind of value it stands for. Parsers throw it; whoever knows which flag or variable
 * the text came from turns it into a {@link ConfigProblem}.
 */
export class InvalidValueError extends Error {
  override readonly name = "InvalidValueError";
  /**
   * @param problem what is wrong, without the value itself (it may be a secret)
   * @param valid what would be right, for the operator; empty when the problem says it already
   */
  constructor(readonly problem: string, readonly valid: string) {
    super(valid === "" ? problem : `${problem}; ${valid}`);
  }
}
