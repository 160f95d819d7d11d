// The docs page needs nothing of Scalar but its finished bundle: none of the packages that it was built from.
module.exports = {
  hooks: {
    readPackage(manifest) {
      if (manifest.name === '@scalar/api-reference') manifest.dependencies = {}
      return manifest
    },
  },
}
