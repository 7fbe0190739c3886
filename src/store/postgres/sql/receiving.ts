export const RECEIVING = `
`
