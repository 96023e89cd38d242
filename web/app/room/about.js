// Names for what a profile holds as ids, out of the catalogue; nothing while it has not come.

/** `catalogue` is the API's CATALOGUE, or null. */
export function lists(catalogue) {
  const find = (list, id) => catalogue?.[list].find((entry) => entry.id === id);
  return {
    departmentName: (id) => find("departments", id)?.name ?? "",
    keyword: (id) => find("keywords", id) ?? null,
    /** One question for each of their keywords that has any: {emoji, text}. The same ones each time this person is met. */
    starters: ({ id: partner, keywords = [] }) => keywords
      .map((id) => find("keywords", id))
      .filter((keyword) => keyword?.starters?.length)
      .map(({ emoji, starters }) => ({ emoji, text: starters[partner % starters.length] })),
  };
}
