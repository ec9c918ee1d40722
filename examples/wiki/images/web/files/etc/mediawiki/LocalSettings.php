<?php
# Read by MediaWiki at every request. Passwords and keys are the example's own and protect nothing but a demonstration.
if ( !defined( 'MEDIAWIKI' ) ) { exit; }

$wgSitename = 'Wiki';
$wgServer = 'https://wiki.example.com';
$wgScriptPath = '';
$wgLanguageCode = 'en';
$wgLocaltimezone = 'UTC';

# The load balancer of the stack, in the segment of the web servers.
$wgDBtype = 'mysql';
$wgDBserver = 'database';
$wgDBname = 'wiki';
$wgDBuser = 'wiki';
$wgDBpassword = 'example-wiki-password';
$wgDBTableOptions = 'ENGINE=InnoDB, DEFAULT CHARSET=binary';

# memcached runs beside it: what is in it is a copy, and is made again wherever the stack is launched.
$wgMainCacheType = CACHE_MEMCACHED;
$wgParserCacheType = CACHE_MEMCACHED;
$wgSessionCacheType = CACHE_MEMCACHED;
$wgMemCachedServers = [ '127.0.0.1:11211' ];

$wgSecretKey = 'examplekeyexamplekeyexamplekeyexamplekeyexamplekeyexamplekey0123';
$wgAuthenticationTokenVersion = '1';
$wgEnableEmail = false;
$wgPingback = false;
$wgJobRunRate = 0;
$wgCdnServersNoPurge = [ '10.10.2.0/24' ];
$wgUsePrivateIPs = true;
