/** Something with a profile went wrong; the message is fit for a person as it stands and holds no secret. */
export class ProfileError extends Error {
  override readonly name = "ProfileError";
}
