using PostMantis.Api;

return await Verbs.RunAsync(args);
