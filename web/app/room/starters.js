/** One question for each of their keywords that has any: {emoji, text}. The same ones each time this person is met. */
export function startersFor({ id: partner, keywords }, catalogue) {
  return keywords
    .map((id) => catalogue.keyword(id))
    .filter((keyword) => keyword?.starters?.length)
    .map(({ emoji, starters }) => ({ emoji, text: starters[partner % starters.length] }));
}
