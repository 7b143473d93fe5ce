"""The flags of a release, as flagd reads them: switched off in a region, asked for, and put back as they were."""
