/** Where a command would be started. */
export interface PreflightPlace {
  readonly env: Readonly<Record<string, string>>;
  /** Absolute path of the working directory. */
  readonly cwd: string;
}
