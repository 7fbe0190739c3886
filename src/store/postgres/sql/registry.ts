// Looking at many receivers at once: the registry, and what is new since somebody looked.

export const REGISTRY = `
`
