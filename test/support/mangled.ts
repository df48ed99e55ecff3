/**
 * The text with another letter at a place (from the end when negative), for certain: a letter chosen once is the letter that was there in
 * one random text of 62.
 */
export function mangled(text: string, at: number): string {
  const letters = [...text]
  const place = at < 0 ? letters.length + at : at
  letters[place] = letters[place] === 'x' ? 'y' : 'x'
  return letters.join('')
}
