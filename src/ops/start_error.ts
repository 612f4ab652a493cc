/** The operator's listener or one of its files could not be brought up; the program must not start (H-3, P-2). */
export class StartError extends Error {
  override readonly name = "StartError";
}
