/** What the server takes: at most so many pictures at once ... */
export const PICTURES_MAX = 16;
/** ... of so many bytes each (10 MiB) ... */
export const PICTURE_BYTES_MAX = 10 * 1024 * 1024;
/** ... of these types. */
export const PICTURE_TYPES: readonly string[] = ["image/jpeg", "image/png", "image/webp"];

/** What of a file matters here. */
export interface Candidate {
  readonly name: string;
  readonly size: number;
  readonly type: string;
}

/** Why these files cannot be sent, in plain words; empty when they can. */
export function complaints(files: readonly Candidate[]): string[] {
  const wrong = files.flatMap((file) => {
    if (!PICTURE_TYPES.includes(file.type)) {
      return [`${file.name} is not a JPEG, PNG or WebP picture.`];
    }
    return file.size > PICTURE_BYTES_MAX ? [`${file.name} is larger than 10 MiB.`] : [];
  });
  return files.length > PICTURES_MAX ? [`At most ${PICTURES_MAX} pictures at once.`, ...wrong] : wrong;
}
